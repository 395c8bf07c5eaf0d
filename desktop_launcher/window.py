"""The launcher's window: the login page, then the browser, and one strip for what goes wrong."""

# Qt's own names for what we override.
# ruff: noqa: N802

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from desktop_launcher.background import Background
from desktop_launcher.browser_page import BrowserPage
from desktop_launcher.catalogue import Catalogue, User
from desktop_launcher.launch import RunningProgram
from desktop_launcher.login_page import LoginPage
from desktop_launcher.programs import Programs
from desktop_launcher.session import Session, Troubles
from desktop_launcher.settings import STORAGE_ERRORS, Settings, check_root
from desktop_launcher.thumbnails import Thumbnails
from desktop_launcher.widgets import Banner
from shared.errors import AuthError, ForbiddenError, RacewayError, ServiceError

SIZE = QSize(1280, 820)
SHUT_DOWN_MILLISECONDS = 1500


class MainWindow(QMainWindow):
    """One user at one service at a time."""

    def __init__(self, settings: Settings, programs: Programs, background: Background) -> None:
        super().__init__()
        self.setWindowTitle("Raceway")
        self._settings, self._programs, self._background = settings, programs, background
        self.banner = Banner()
        self.login = LoginPage(settings, background)
        self.browser: BrowserPage | None = None
        self._session: Session | None = None
        self._pages = QStackedWidget()
        self._pages.addWidget(self.login)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(central)
        self.resize(SIZE)
        self.setMinimumSize(900, 560)
        self.restoreGeometry(settings.window_state("geometry"))

        self._troubles = Troubles(self)
        self._troubles.reported.connect(self._on_trouble)
        self.login.logged_in.connect(self._on_logged_in)
        programs.failed.connect(self.banner.show_error)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.applicationStateChanged.connect(self._on_application_state)

    def begin(self, token: str = "") -> None:
        """Log in with ``token``, or the one kept from the last time; without one the login page waits."""
        self._programs.search()
        api_url = self._settings.api_url
        token = token or self._settings.token(api_url)
        if api_url and token:
            self.login.connect_with(api_url, token)
        else:
            self.login.focus_first_empty()

    def log_out(self, reason: RacewayError | None = None) -> None:
        """Back to the login page; the token is forgotten."""
        self._settings.forget_token()
        self._close_browser()
        self.banner.hide()
        if reason is not None:
            self.login.show_error(reason)
        self.login.focus_first_empty()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.keep_window_state("geometry", self.saveGeometry())
        self._close_browser()
        self._settings.sync()
        super().closeEvent(event)

    def shut_down(self) -> bool:
        """Stop the background work; False where a call to the service still hangs."""
        return self._background.shut_down(SHUT_DOWN_MILLISECONDS)

    def _on_logged_in(self, catalogue: Catalogue, user: User) -> None:
        self._close_browser()
        thumbnails = Thumbnails(catalogue, self._settings.folder / "cache" / "pictures", self)
        self._session = Session(catalogue, user, self._settings, self._background, thumbnails, self._troubles)
        self.browser = BrowserPage(self._session, self._programs)
        self.browser.logged_out.connect(self.log_out)
        self.browser.launcher.started.connect(self._on_started)
        self.browser.launcher.failed.connect(self._on_trouble)
        self._pages.addWidget(self.browser)
        self._pages.setCurrentWidget(self.browser)
        self.banner.hide()
        self.browser.reload()
        # A start would be refused later on: the artist is told before.
        root = self._settings.root
        self._background.run("storage", lambda: check_root(root, user.tenant_id), lambda _: None, self._on_trouble)

    def _on_trouble(self, error: RacewayError) -> None:
        if isinstance(error, AuthError) and not isinstance(error, ForbiddenError):
            self.log_out(error)
        elif isinstance(error, ServiceError) and self.browser is not None:
            self.banner.show_error(error, "Try again", self.browser.reload)
        elif error.code in STORAGE_ERRORS and self.browser is not None:
            self.banner.show_error(error, "Settings…", self.browser.open_settings)
        else:
            self.banner.show_error(error)

    def _on_started(self, program: RunningProgram) -> None:
        self.banner.show_message(f"{program.label} is starting…")

    def _on_application_state(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive and self.browser is not None:
            self.browser.refresh_entity()

    def _close_browser(self) -> None:
        self._background.forget("storage")
        if self.browser is not None and self._session is not None:
            self.browser.save_layout()
            self._session.thumbnails.shut_down(SHUT_DOWN_MILLISECONDS)
            self._pages.removeWidget(self.browser)
            self.browser.deleteLater()
        self.browser = self._session = None
