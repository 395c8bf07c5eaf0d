"""What workers do: one module a process step, and what all of them share.

``runner`` claims a job and runs its step; ``lease`` is the claim; ``convert`` and ``still`` are the steps; ``sweeper``
takes up what got lost.
"""
