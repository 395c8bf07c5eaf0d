"""The life of a client's order of pictures.

::

    submitted ──▶ accepted ──▶ in_progress ──▶ delivered ──▶ approved
        │ ▲           │          │  ▲             │  ▲
        ▼ │           ▼          │  │             ▼  │
    rejected ◀────────┴──────────┘  └──── changes_requested
        └──▶ resubmitted ──▶ (as submitted)

    accepted ──▶ delivered, where nothing is rendered for it
    any but delivered and approved ──▶ cancelled
"""

from __future__ import annotations

from enum import StrEnum

from shared.errors import ConflictError


class OrderState(StrEnum):
    SUBMITTED = "submitted"
    RESUBMITTED = "resubmitted"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    DELIVERED = "delivered"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class OrderStep(StrEnum):
    """What somebody does with an order; also the last word of the API's address for it."""

    ACCEPT = "accept"
    START = "start"
    DELIVER = "deliver"
    APPROVE = "approve"
    REQUEST_CHANGES = "request-changes"
    REJECT = "reject"
    RESUBMIT = "resubmit"
    CANCEL = "cancel"


_WAITING = (OrderState.SUBMITTED, OrderState.RESUBMITTED)
_UNDER_WAY = (OrderState.ACCEPTED, OrderState.IN_PROGRESS)
_ASKED_AGAIN = OrderState.CHANGES_REQUESTED
_STEPS: dict[OrderStep, tuple[tuple[OrderState, ...], OrderState]] = {
    OrderStep.ACCEPT: (_WAITING, OrderState.ACCEPTED),
    OrderStep.START: ((OrderState.ACCEPTED, _ASKED_AGAIN), OrderState.IN_PROGRESS),
    OrderStep.DELIVER: ((*_UNDER_WAY, _ASKED_AGAIN), OrderState.DELIVERED),
    OrderStep.APPROVE: ((OrderState.DELIVERED,), OrderState.APPROVED),
    OrderStep.REQUEST_CHANGES: ((OrderState.DELIVERED,), _ASKED_AGAIN),
    OrderStep.REJECT: ((*_WAITING, *_UNDER_WAY), OrderState.REJECTED),
    OrderStep.RESUBMIT: ((OrderState.REJECTED,), OrderState.RESUBMITTED),
    OrderStep.CANCEL: ((*_WAITING, *_UNDER_WAY, _ASKED_AGAIN, OrderState.REJECTED), OrderState.CANCELLED),
}


def next_state(state: OrderState, step: OrderStep) -> OrderState:
    """The state after ``step``. Raises ConflictError (``conflict.order_state``) where it cannot be taken."""
    before, after = _STEPS[step]
    if state not in before:
        possible = ", ".join(steps_from(state)) or "nothing more"
        raise ConflictError(
            f"An order that is {state} cannot be taken through `{step}`.",
            hint=f"What can be done now: {possible}.",
            code="conflict.order_state",
        )
    return after


def steps_from(state: OrderState) -> list[OrderStep]:
    """The steps that can be taken from ``state``."""
    return [step for step, (before, _) in _STEPS.items() if state in before]
