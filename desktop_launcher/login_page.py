"""The first page: which service, and who is there."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop_launcher import style
from desktop_launcher.background import Background
from desktop_launcher.catalogue import Catalogue, User
from desktop_launcher.settings import STORAGE_ERRORS, Settings, check_root
from desktop_launcher.widgets import FolderField, in_words, label
from shared.errors import InputError, RacewayError

DEFAULT_API_URL = "http://127.0.0.1:8430"
CARD_WIDTH = 400
CARD_MARGIN = 32
CODE_ERRORS = ("auth.code_needed", "auth.wrong_code")
"""The service wants a code of an authenticator app as well."""


class LoginPage(QWidget):
    """Asks for the address and a password or token, and for a code where the service wants one; ``logged_in`` carries
    the catalogue and the user."""

    logged_in = Signal(Catalogue, User)

    def __init__(self, settings: Settings, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._background = settings, background
        self._with_token = self._with_code = False

        self.address = _line("Server address", settings.api_url or DEFAULT_API_URL)
        self.email = _line("E-mail", settings.email)
        self.password = _line("Password", secret=True)
        self.code = _line("Code")
        self.code.setPlaceholderText("of your authenticator app, or a recovery code")
        self.token = _line("Token", secret=True)
        self.storage = FolderField("Storage folder on this machine")
        self.storage.line.setText(settings.root)
        self.storage.line.setPlaceholderText("where the drive is mounted")
        self.message = label("", "error")
        self.message.setWordWrap(True)
        self.submit = QPushButton("Log in")
        self.submit.setProperty("role", "primary")
        self.submit.setDefault(True)
        self._switch = QPushButton()
        self._switch.setProperty("role", "link")

        card = QFrame()
        card.setObjectName("card")
        card.setFixedWidth(CARD_WIDTH)
        column = QVBoxLayout(card)
        column.setContentsMargins(CARD_MARGIN, 28, CARD_MARGIN, 24)
        column.setSpacing(6)
        column.addLayout(self._heading())
        column.addSpacing(14)
        self._labels: dict[QWidget, QLabel] = {}
        fields: list[tuple[str, QWidget]] = [
            ("Server", self.address),
            ("E-mail", self.email),
            ("Password", self.password),
            ("Code", self.code),
            ("Token", self.token),
            ("Storage folder", self.storage),
        ]
        for name, field in fields:
            caption = label(name, "muted")
            caption.setBuddy(field)
            self._labels[field] = caption
            column.addWidget(caption)
            column.addWidget(field)
            column.addSpacing(4)
        column.addWidget(self.message)
        column.addSpacing(4)
        column.addWidget(self.submit)
        column.addWidget(self._switch, 0, Qt.AlignmentFlag.AlignHCenter)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(2)

        for line in (self.address, self.email, self.password, self.code, self.token, self.storage.line):
            line.returnPressed.connect(self.log_in)
        for line in (self.address, self.email):
            line.textEdited.connect(lambda: self._ask_for_code(False))
        self.submit.clicked.connect(self.log_in)
        self._switch.clicked.connect(lambda: self.use_token(not self._with_token))
        self.use_token(False)

    def use_token(self, with_token: bool) -> None:
        """Ask for a token in place of e-mail and password, or back."""
        self._with_token = with_token
        for field in (self.email, self.password, self.token):
            self._show(field, (field is self.token) == with_token)
        self._ask_for_code(False)
        self._switch.setText("Use e-mail and password" if with_token else "Use a token instead")

    def focus_first_empty(self) -> None:
        """Put the cursor where the artist has to type next."""
        secret = [self.token] if self._with_token else [self.email, self.password]
        empty: list[QWidget] = [line for line in (self.address, *secret) if not line.text()]
        (empty or [self.submit])[0].setFocus()

    def connect_with(self, api_url: str, token: str) -> None:
        """Log in with a token that is known already."""
        self.address.setText(api_url)
        self._attempt(api_url, lambda: Catalogue(api_url, token), keep=False)

    def log_in(self) -> None:
        """Log in with what the fields say."""
        address, email, code, token = (
            line.text().strip() for line in (self.address, self.email, self.code, self.token)
        )
        # A password may begin or end with a space.
        password = self.password.text()
        if not address or not (token if self._with_token else email and password and (code or not self._with_code)):
            needed = "a token" if self._with_token else "your e-mail and your password"
            needed += ", and the code" if self._with_code else ""
            self.show_error(InputError(f"Fill in the server's address and {needed}.", code="input.login"))
            return
        if "://" not in address:
            address = f"http://{address}"
        root, with_token = self.storage.folder, self._with_token

        def make() -> Catalogue:
            if root:  # who only looks around needs none
                check_root(root)
            return Catalogue(address, token) if with_token else Catalogue.log_in(address, email, password, code)

        if not with_token:
            self._settings.email = email
        self._attempt(address, make, keep=True)

    def show_error(self, error: RacewayError) -> None:
        """Say what is wrong below the fields."""
        self.message.setText(in_words(error))
        # The card is centred, so its layout does not ask a wrapped label how high it has become.
        self.message.setMinimumHeight(self.message.heightForWidth(CARD_WIDTH - 2 * CARD_MARGIN))

    def _attempt(self, api_url: str, make: Callable[[], Catalogue], *, keep: bool) -> None:
        root = self.storage.folder

        def work() -> tuple[Catalogue, User]:
            catalogue = make()
            return catalogue, catalogue.user()

        def done(answer: tuple[Catalogue, User]) -> None:
            catalogue, user = answer
            self._ready()
            self.password.clear()
            self.token.clear()
            self._ask_for_code(False)
            self._settings.api_url = api_url
            if keep:
                self._settings.root = root
                self._settings.keep_token(api_url, catalogue.token)
            self.logged_in.emit(catalogue, user)

        def failed(error: RacewayError) -> None:
            self._ready()
            wants_code = error.code in CODE_ERRORS
            if wants_code:
                self._ask_for_code(True)
            if error.code != "auth.code_needed":  # that is told by the field
                self.show_error(error)
            secret = self.token if self._with_token else self.code if wants_code else self.password
            wrong = self.storage.line if error.code in STORAGE_ERRORS else secret
            wrong.setFocus()
            wrong.selectAll()

        self.message.clear()
        self.message.setMinimumHeight(0)
        self.submit.setEnabled(False)
        self.submit.setText("Connecting…")
        self._background.run("login", work, done, failed)

    def _ask_for_code(self, asked: bool) -> None:
        """Show the field for a code, empty; or hide it until the service asks for one."""
        if asked != self._with_code:
            self.code.clear()
        self._with_code = asked
        self._show(self.code, asked)

    def _show(self, field: QWidget, shown: bool) -> None:
        field.setVisible(shown)
        self._labels[field].setVisible(shown)

    def _ready(self) -> None:
        self.submit.setEnabled(True)
        self.submit.setText("Log in")

    def _heading(self) -> QHBoxLayout:
        mark = QLabel()
        mark.setPixmap(style.logo(34, self.devicePixelRatioF()))
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(mark)
        row.addWidget(label("Raceway", "title"), 1)
        return row


def _line(name: str, text: str = "", *, secret: bool = False) -> QLineEdit:
    line = QLineEdit(text)
    line.setAccessibleName(name)
    if secret:
        line.setEchoMode(QLineEdit.EchoMode.Password)
    return line
