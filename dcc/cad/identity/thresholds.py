"""Every number that the answers depend on when revisions are matched.

*Nats* are evidence: the natural logarithm of how many times likelier something is seen when two parts are one part in
two revisions than when they are different parts. The *difference* of two shapes is the largest ``|ln(new / old)|`` of
their linear measures, which is a relative change where it is small.

The numbers were chosen on edited assemblies (``python -m tests.benchmarks.identity``) and on published revisions of
real models; what was measured is said below. They are not finely tuned. ``python -m tests.benchmarks.thresholds``
halves and doubles each: in 300 pairs of revisions with 1078 known parts none of that makes an assignment wrong, but
for the shares of handedness that are kept (more than all of it never is). What changes is how much a person is asked.
The tests that guard single numbers are in tests/dcc/cad/test_misleading_evidence.py.
"""

from __future__ import annotations

from typing import Final

# ---- Shape: difference of linear measures (no unit) ----
# Of 17 real shapes that were exported again, 13 differed by less than 1e-12, 3 by less than 3e-6, one by 3e-3. Of
# 24,090 pairs of different real shapes, 6 are as near as 1e-6 and 56 as 1e-2.

IDENTICAL_SHAPE: Final = 1e-9
"""Nothing but rounding."""
EXACT_SHAPE: Final = 1e-5
"""One shape beyond doubt; sizes of a family are further apart."""
SAME_SHAPE: Final = 3e-3
"""One shape, as far as re-exports go."""
NEUTRAL_SHAPE: Final = 0.15
"""As likely a change of the part as another part: no evidence at all."""
REPLACED_SHAPE: Final = 0.3
"""From here on a person is asked whether another part has taken the name and the place."""
UNRELATED_SHAPE: Final = 0.7
"""Quite another shape; what differs more is no stronger evidence."""

# ---- Shape: evidence (nats) ----

SAME_SHAPE_NATS: Final = 8.0
"""Of a shape that no other part has."""
ROUNDING_NATS: Final = 2.0
"""How much less the same shape says at ``SAME_SHAPE`` than at ``IDENTICAL_SHAPE``."""
SCALED_NATS: Final = 1.0
"""Of the same shape at another size, at least."""
UNRELATED_SHAPE_NATS: Final = -8.0
"""Of quite another shape, and of a mirror image."""

# ---- Handedness: chirality, 0 to 1 ----
# Of 415 parts of real files, meshed at two deflections, those with a chirality from 1e-3 on kept 0.87 of it at least;
# those below 1e-4 often nothing, nor the sign.

CLEARLY_HANDED: Final = 0.05
"""From here on a shape that was changed, too, is seen to be perhaps of the other hand."""
KEPT_CLEAR_HAND: Final = 0.5
"""Share of a clear handedness that another mesh or a small change of shape leaves."""
SLIGHTLY_HANDED: Final = 1e-5
"""Below this, chirality is rounding."""
KEPT_SLIGHT_HAND: Final = 0.95
"""Share of a slight handedness, which the mesh blurs, at which the opposite sign is no coincidence."""

# ---- Name: evidence (nats) ----
# Of 206 unchanged occurrences in 19 pairs of published revisions, two thirds kept the name of the part, 89 % but for
# counters and suffixes.

SAME_NAME_NATS: Final = 5.0
"""Of a name that no other part has."""
SAME_COUNTER_NATS: Final = 1.0
"""How much more it says, at most, that the counter in a name that many have is the same, too."""
RESPELLED_SHARE: Final = 0.9
"""Share of the evidence that is left where only case, punctuation or an exporter's suffix differ."""
SIMILAR_NAME_NATS: Final = 2.0
"""Of names that are all but the same; less as their similarity is."""
CONTAINED_NAME_NATS: Final = 1.5
"""Of a name that is contained in the other, and of bodies of one name in products that were renamed."""
OTHER_NAME_NATS: Final = -1.0
"""Of names that are not alike: parts are renamed."""
SIMILAR_NAME: Final = 0.6
"""Least similarity (difflib's ratio, 0 to 1) of two names that are alike."""
CLOSE_NAME: Final = 0.75
"""The same for names that are so much alike that nothing speaks against them."""
CONTAINED_LETTERS: Final = 5
"""Letters that a name must have to say something where it is contained in another one."""
KEPT_NAMES: Final = 0.5
"""Where less than this share of the untouched parts kept their names, all names were given anew: they say nothing."""
LEAST_UNTOUCHED: Final = 3
"""Untouched parts that are needed to judge that."""

# ---- Place: distance as a share of the part's longest side; share of places that were kept, 0 to 1 ----

EXACT_PLACE: Final = 1e-4
"""At its very place."""
AT_PLACE: Final = 0.01
"""Still at its place."""
OFF_PLACE: Final = 0.1
"""No longer at its place."""
OFF_PLACE_RESHAPED: Final = 0.5
"""The same for a part that was reshaped, which moves its centre of mass."""
AT_PLACE_SHARE: Final = 0.8
"""How much of "the same place" ``AT_PLACE`` is; also the share of its places by which a part counts as not moved."""
MOST_PLACES: Final = 0.5
"""Share of its places by which a part is known again."""

# ---- Place: evidence (nats) ----

SAME_PLACE_NATS: Final = 3.5
"""Of all places kept."""
OTHER_PLACE_NATS: Final = -0.5
"""Of no place kept: parts are moved."""
SAME_ASSEMBLY_NATS: Final = 1.0
"""How much more it says to be in an assembly of the same path of names."""
PLACE_ALONE_NATS: Final = 1.0
"""All that place says for a pair that is neither of one shape nor of one name: a replacement stands there, too."""

# ---- The decision ----

LEAST_NATS: Final = -2.0
"""Evidence below which a pair is not considered at all."""
ONLY_PART_NATS: Final = 3.0
"""Extra evidence where both models consist of one part: 70 % of such files kept its name, 13 % its shape."""
ACCEPTED: Final = 0.95
"""Least probability of a match that is made without asking."""
DISPUTED: Final = 0.5
"""Factor on the probability of a pair that another pair disputes, or that is doubtful by itself: never accepted."""
WORTH_ASKING: Final = 0.1
"""Least probability of a candidate that a person is shown, unless its name speaks for it."""
LONE_LOOKALIKE: Final = 0.5
"""New parts that are expected to look as much like the old one, at least, where nothing but shape speaks for a pair."""
SPLIT_OR_MERGED: Final = 0.99
"""Probability that a product of the same shape at the place of an occurrence is that occurrence."""
OPEN_QUESTION: Final = 0.5
"""Probability of a candidate for which one thing speaks and one against it."""

# ---- The whole model (see alignment) ----

LEAST_ANCHORS: Final = 3
"""Anchors that must agree on how the whole model was changed."""
RIGID: Final = 1e-3
"""How far a rotation's matrix may be off an orthonormal one."""
