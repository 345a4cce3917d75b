"""Refusals of fans and tags."""

from __future__ import annotations

from engage.kernel.errors import N_, DomainError


class WrongRemark(DomainError):
    """What staff call a fan is too long."""

    code = "wrong_remark"
    status = 422
    title = N_("A remark has at most 40 characters.")


class WrongTagName(DomainError):
    """A tag or group has no name, or one that fits nowhere."""

    code = "wrong_tag_name"
    status = 422
    title = N_("A name of 1 to 16 characters, please.")


class TagExists(DomainError):
    """Another tag of the group, or another group, has this name."""

    code = "tag_exists"
    status = 422
    title = N_("This name is there already. Choose another one.")


class GroupInUse(DomainError):
    """A group still has tags."""

    code = "group_in_use"
    title = N_("The group still has tags. Delete them or move them to another group first.")


class Stale(DomainError):
    """The tag or group was changed meanwhile."""

    code = "stale"
    title = N_("This has been changed meanwhile. Look at it as it is now, then try again.")


class Expired(DomainError):
    """The file of an export is gone."""

    code = "expired"
    status = 410
    title = N_("This file is deleted after a day. Export again.")
