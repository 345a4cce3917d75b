"""What chat refuses."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class SessionHeld(DomainError):
    """Another member of staff talks with the fan just now."""

    code = "session_held"
    title = N_("%(name)s is talking with this fan. You can write once the conversation has ended.")


class NotTheHolder(DomainError):
    """Only who holds a session ends it."""

    code = "not_the_holder"
    title = N_("Only who talks with the fan can end the conversation.")


class WindowClosed(DomainError):
    """WeChat takes no message for the fan just now."""

    code = "window_closed"
    title = N_("WeChat takes no message for this fan just now.")


class WindowOver(WindowClosed):
    """The fan's last message is too long ago."""

    code = "window_over"
    title = N_("The fan’s last message is more than 48 hours ago. You can write once the fan writes again.")


class WindowUsedUp(WindowClosed):
    """As many messages as WeChat allows went out since the fan's last one."""

    code = "window_used_up"
    title = N_("All messages that WeChat allows are used. You can write once the fan writes again.")


class FanLeft(WindowClosed):
    """The fan does not follow the account."""

    code = "fan_left"
    title = N_("The fan does not follow the account; WeChat takes no message for them. Please call.")


class EmptyMessage(DomainError):
    """Nothing was written."""

    code = "empty_message"
    status = 422
    title = N_("Please write something or choose a picture.")


class TooLong(DomainError):
    """The text is longer than WeChat takes."""

    code = "too_long"
    status = 422
    title = N_("The text is too long for one message. Please send it in several.")


class NotFailed(DomainError):
    """Only what did not go, or may not have gone, is sent again."""

    code = "not_failed"
    title = N_("This message has been sent already.")
