"""Webhooks: a studio's own programs are told of events, by HTTP.

Events are written with the changes that they tell of (:mod:`service.activity.events`), so no publish waits for a
webhook and none is told of what was rolled back. Workers go on from there: :mod:`.collecting` makes deliveries of the
events that came since a webhook's cursor, :mod:`.sending` takes those that are due and records what came of each, and
:mod:`.post` is the HTTP. :mod:`service.tasks.webhooks` runs them.
"""
