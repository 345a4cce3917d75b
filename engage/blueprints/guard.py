"""Guards: every view is made with one, and is given the caller as its first argument.

A blueprint's `route` wants to know who may call (a test walks all routes). The guard uses a unit of
work of its own, enters the tenant's scope and hands the view a plain `Staff` or `Visitor`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from flask import Blueprint, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from engage.accounts import queries as accounts
from engage.audit.services import Actor
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.fans.rules import wants_profile
from engage.kernel import clock, directory, ids
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotAllowed, NotFound, NotLoggedIn
from engage.tenancy import queries as tenancy
from engage.tenancy import rules
from engage.tenancy import services as staff_services
from engage.tenancy.rules import Grant, StoreScope

if TYPE_CHECKING:
    from engage.tenancy.models import Tenant

View = Callable[..., ResponseReturnValue]

# Longer than any break between two uses; when a session ends is for its row to say.
STAFF_COOKIE_SECONDS = 7 * 24 * 3600

# All that a person may do who has not yet replaced a password that somebody else knows.
WITH_A_ONE_TIME_PASSWORD = frozenset({"console_profile", "console_session", "live"})


@dataclass(frozen=True, slots=True)
class House:
    """The chain, as pages show it."""

    id: int
    slug: str
    name: str
    short_name: str
    zone: str
    accent: str

    @classmethod
    def of(cls, tenant: Tenant) -> House:
        """Copy what pages need."""
        return cls(tenant.id, tenant.slug, tenant.name, tenant.short_name, tenant.zone, tenant.accent)


@dataclass(frozen=True, slots=True)
class StoreName:
    """A store in the top bar's switch."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff who is logged in."""

    house: House
    id: int
    session_id: int
    name: str
    login: str
    language: str
    must_change_password: bool
    grants: tuple[Grant, ...]
    stores: Sequence[StoreName]
    store_id: int | None

    def may(self, permission: str) -> bool:
        """Whether the person's roles permit it, at some store."""
        return rules.is_permitted(self.grants, permission)

    def scope(self, permission: str) -> StoreScope:
        """Give the stores at which it is permitted, narrowed to the chosen one."""
        return rules.store_scope(self.grants, permission, self.store_id)

    def reach(self, permission: str) -> StoreScope:
        """Give the stores at which it is permitted, whichever is chosen in the top bar."""
        return rules.store_scope(self.grants, permission, None)

    def demand(self, permission: str, store_id: int | None) -> None:
        """Let through who has the permission at the store; None stands for what all stores share.

        Raises:
            NotAllowed: none of the person's roles gives it there.
        """
        scope = self.reach(permission)
        if not (scope.everywhere if store_id is None else scope.holds(store_id)):
            raise NotAllowed

    @property
    def actor(self) -> Actor:
        """Who stands in the audit trail."""
        return Actor("staff", self.id)

    @property
    def initial(self) -> str:
        """What stands in the round picture."""
        return self.name[:1].upper()


class ProfileWanted(NotLoggedIn):
    """A page shows the fan's name and picture, and WeChat was not asked for them lately."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A fan on patient pages of an account; `wants_profile` if name and picture may be asked for."""

    house: House
    account_id: int
    account_slug: str
    fan_id: int
    wants_profile: bool
    language: str | None = None


class OpenBlueprint(Blueprint):
    """Views that check their caller themselves or serve anybody; each says why."""

    def open(self, rule: str, *, reason: str, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
        """Route a view without a log-in; `reason` is why that is right."""

        def decorate(view: View) -> View:
            view.guard = f"open:{reason}"  # type: ignore[attr-defined]
            self.add_url_rule(rule, view.__name__, view, methods=list(methods))
            return view

        return decorate


class ConsoleBlueprint(OpenBlueprint):
    """Views for staff; each names the permission it needs."""

    def view(
        self,
        rule: str,
        *,
        permission: str,
        methods: Sequence[str] = ("GET",),
        everywhere: bool = False,
        by_itself: bool = False,
    ) -> Callable[[View], View]:
        """Route a view for staff who have the permission: at some store, or `everywhere`.

        What a browser asks `by_itself`, with nobody before it, does not prolong the log-in.
        """
        if permission not in rules.PERMISSIONS:
            raise ValueError(f"unknown permission {permission!r}")

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(**arguments: Any) -> ResponseReturnValue:
                staff = current_staff(by_itself=by_itself)
                g.staff = staff
                if not staff.may(permission):
                    raise NotAllowed
                if everywhere:
                    staff.demand(permission, None)
                if staff.must_change_password and self.name not in WITH_A_ONE_TIME_PASSWORD:
                    return redirect(url_for("console_profile.edit"))
                with tenant_scope(staff.house.id):
                    return view(staff, **arguments)

            guarded.guard = f"staff:{permission}"  # type: ignore[attr-defined]
            self.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
            return view

        return decorate


class PatientBlueprint(Blueprint):
    """Views for fans below `/p/<account>`; who is unknown is sent through web authorization."""

    def view(
        self, rule: str, *, methods: Sequence[str] = ("GET",), profile: bool = False
    ) -> Callable[[View], View]:
        """Route a view for a fan of the account.

        With `profile`, WeChat is asked for the fan's name and picture first, where they are unknown
        or old; whoever refuses sees the page all the same (OA-6).
        """

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(account: str, **arguments: Any) -> ResponseReturnValue:
                visitor = known_visitor(account)
                with tenant_scope(visitor.house.id if visitor else tenant_of_account(account)):
                    visitor = visitor or current_visitor(account)
                    g.visitor = visitor
                    if profile and visitor.wants_profile and request.method == "GET":
                        raise ProfileWanted
                    return view(visitor, **arguments)

            guarded.guard = "fan"  # type: ignore[attr-defined]
            self.add_url_rule(rule, view.__name__, guarded, methods=list(methods))
            return view

        return decorate


class OperatorBlueprint(Blueprint):
    """Views for the machine's own operator: asked from this machine, through no proxy."""

    def view(self, rule: str) -> Callable[[View], View]:
        """Route a view for requests from the loopback address."""

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(**arguments: Any) -> ResponseReturnValue:
                local = request.remote_addr is not None and ip_address(request.remote_addr).is_loopback
                if not local or "X-Forwarded-For" in request.headers:
                    raise NotFound
                return view(**arguments)

            guarded.guard = "operator"  # type: ignore[attr-defined]
            self.add_url_rule(rule, view.__name__, guarded)
            return view

        return decorate


def staff_cookie() -> str:
    """Give the name of the cookie of staff."""
    return f"engage_staff_{current_app.config['INSTANCE']}"


def fan_cookie() -> str:
    """Give the name of the cookie of fans."""
    return f"engage_fan_{current_app.config['INSTANCE']}"


def current_staff(*, by_itself: bool = False) -> Staff:
    """Give who is logged in to the console; being asked `by_itself` is no use of the log-in.

    Raises:
        NotLoggedIn: nobody, or the session has ended.
    """
    tenant_id, token = _cookie(staff_cookie())
    now = clock.now()
    with tenant_scope(tenant_id), unit_of_work() as session:
        found = tenancy.live_session(session, ids.digest(token), now=now)
        if found is None:
            raise NotLoggedIn
        row, person, tenant = found
        grants = tenancy.grants_of(session, [person.id]).get(person.id, ())
        everywhere = any(grant.store_id is None for grant in grants)
        held = {grant.store_id for grant in grants}
        stores = [
            StoreName(store.id, store.short_name)
            for store in clinic.stores(session)
            if everywhere or store.id in held
        ]
        if not by_itself and now - row.seen_at >= rules.SESSION_SEEN_EVERY:
            staff_services.touch_session(session, row.id, now=now)
        return Staff(
            house=House.of(tenant),
            id=person.id,
            session_id=row.id,
            name=person.name,
            login=person.login,
            language=person.language,
            must_change_password=person.must_change_password,
            grants=grants,
            stores=stores,
            store_id=row.store_id,
        )


def tenant_of_account(slug: str) -> int:
    """Give the tenant whose account's pages stand at `/p/<slug>`.

    Raises:
        NotFound: nobody has that address.
    """
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "account", slug)
    if tenant_id is None:
        raise NotFound(account=slug)
    return tenant_id


def known_visitor(slug: str) -> Visitor | None:
    """Give the fan whose cookie lets them open a page of the account; None says that it has to be asked why.

    The cookie names the tenant, and only whose log-in and account are the tenant's is known.
    """
    try:
        tenant_id, token = _cookie(fan_cookie())
    except NotLoggedIn:
        return None
    now = clock.now()
    with tenant_scope(tenant_id):
        found = fans.caller(ids.digest(token), slug=slug, now=now)
    if found is None:
        return None
    house = House(**found.house)
    g.account_id, g.house = found.account_id, house
    asks = wants_profile(found.ask_profile_at, now)
    return Visitor(house, found.account_id, found.account_slug, found.fan_id, asks)


def current_visitor(slug: str) -> Visitor:
    """Give the fan who opens a page of the account; call inside the tenant's scope.

    Raises:
        NotLoggedIn: the fan is not known yet on this browser.
    """
    with unit_of_work() as session:
        account = accounts.by_slug(session, slug)
        house = House.of(tenancy.tenant(session))
        g.account_id, g.house = account.id, house
        tenant_id, token = _cookie(fan_cookie())
        if tenant_id != house.id:
            raise NotLoggedIn
        fan = fans.of_session(session, ids.digest(token), account_id=account.id, now=clock.now())
        if fan is None:
            raise NotLoggedIn
        return Visitor(
            house, account.id, account.slug, fan.id, wants_profile(fan.ask_profile_at, clock.now())
        )


def account_path(slug: str) -> str:
    """Give where an account's pages stand, and its cookies are sent: each account has its own."""
    return f"/p/{slug}"


def cookie_options(path: str = "/") -> dict[str, Any]:
    """Give how log-in cookies are set: not for scripts, not for other sites."""
    return {
        "httponly": True,
        "secure": current_app.config["SESSION_COOKIE_SECURE"],
        "samesite": "Lax",
        "path": path,
    }


def cookie_value(tenant_id: int, token: str) -> str:
    """Write a log-in cookie: the tenant, so that the wall can be entered, and the secret."""
    return f"{tenant_id}.{token}"


def _cookie(name: str) -> tuple[int, str]:
    tenant, _, token = request.cookies.get(name, "").partition(".")
    if not tenant.isascii() or not tenant.isdecimal() or len(tenant) > 18 or not token:
        raise NotLoggedIn
    return int(tenant), token
