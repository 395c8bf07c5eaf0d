"""A phone with an authenticator app."""

from __future__ import annotations

import time
from typing import Self

import pyotp

from tests.service.studio import PASSWORD, Api


class Phone:
    """The app of whoever ``api`` speaks for."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.secret = ""

    def begin(self) -> Self:
        """Set up two-factor login up to where a code confirms it."""
        self.secret = self.api.post("/auth/two-factor", {"current_password": PASSWORD}).data["secret"]
        return self

    def switch_on(self, at: float | None = None) -> list[str]:
        """Set it up; answers the recovery codes."""
        answer = self.begin().api.post("/auth/two-factor/confirm", {"code": self.code(at)})
        codes: list[str] = answer.data["recovery_codes"]
        return codes

    def code(self, at: float | None = None) -> str:
        """What the app shows, now or at some time in seconds since 1970."""
        return pyotp.TOTP(self.secret).at(int(time.time() if at is None else at))
