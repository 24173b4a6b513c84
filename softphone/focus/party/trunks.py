"""Trunks: choice by number, number formats, and the owner and target of incoming calls."""

import secrets
from collections.abc import Iterable

from softphone.config import Config, DialRule, PrefixRule, TrunkConfig
from softphone.focus.party.identity import is_trusted
from softphone.focus.party.toll import Prefixes, permitted
from softphone.sip.message.message import Request
from softphone.sip.message.uri import Uri, number_of
from softphone.sip.transport.hop import Hop

__all__ = ["Trunks", "rewritten"]


def rewritten(number: str, rules: Iterable[PrefixRule]) -> str:
    """Write a number as the rule of the longest prefix that fits says; without one as it is."""
    rule = fitting(number, rules)
    return number if rule is None else rule.add + number[rule.strip :]


def fitting(number: str, rules: Iterable[PrefixRule]) -> PrefixRule | None:
    """Give the rule of the longest prefix that a number begins with, the first among equals."""
    found = [rule for rule in rules if number.startswith(rule.prefix)]
    return max(found, key=lambda rule: len(rule.prefix), default=None)


class Trunks:
    """The trunks of a configuration, the preferred one first.

    Parameters
    ----------
    config
        Names them, and has the dial plan.
    """

    def __init__(self, config: Config) -> None:
        self.all = config.trunks
        self._rules = config.dial
        limits: list[Prefixes] = [*config.trunks, config.toll]
        self._allowing = [each for each in limits if each.allow]
        self._hosts = {Uri.parse(trunk.uri).host.lower() for trunk in self.all}
        # Nobody but its registrar knows by which Contact a trunk reaches us.
        self._contacts = {secrets.token_hex(12): trunk for trunk in self.all if trunk.register}

    def __contains__(self, host: object) -> bool:
        """Whether calls from an address come from a trunk."""
        return host in self._hosts or (isinstance(host, str) and any(is_trusted(host, t.addresses) for t in self.all))

    def has(self, uri: Uri) -> bool:
        """Whether a URI is at the host of a trunk."""
        return uri.host.lower() in self._hosts

    def contact(self, trunk: TrunkConfig) -> str:
        """Give the user of the Contact that a trunk is registered with."""
        return next(user for user, each in self._contacts.items() if each is trunk)

    # Numbers outside.

    def outside(self, dialled: str) -> str:
        """Write a number that is dialled as it is called outside, whatever trunk it takes."""
        return rewritten(dialled, self._rules)

    def ways(self, dialled: str) -> list[tuple[TrunkConfig, str]]:
        """Give the trunks that take a number that is dialled, in order, each with the number as it wants it."""
        number, rule = self.outside(dialled), fitting(dialled, self._rules)
        named = rule.trunks if isinstance(rule, DialRule) else ()
        found = [each for name in named for each in self.all if each.name == name] if named else self.all
        return [(each, rewritten(number, each.outgoing)) for each in found if permitted(number, each)]

    def names(self, dialled: str) -> bool:
        """Whether the settings name a number by a prefix: that of a dial rule, or one that may be called (`allow`)."""
        rule, number = fitting(dialled, self._rules), self.outside(dialled)
        return bool(rule and rule.prefix) or any(permitted(number, each) for each in self._allowing)

    # Calls from outside.

    def of(self, invite: Request, source: Hop) -> TrunkConfig | None:
        """Say which trunk a call comes from: by its registration, by address, or else it is none."""
        by_contact = self._contacts.get(invite.uri.user or "")
        return by_contact or next((trunk for trunk in self.all if _comes_from(trunk, source)), None)

    def registered(self, invite: Request) -> bool:
        """Whether a call comes by the Contact of a trunk, which only its registrar has been told."""
        return invite.uri.user in self._contacts

    def called(self, trunk: TrunkConfig, invite: Request) -> str:
        """Give the number here that a trunk's call means, as far as the trunk is configured to say."""
        named = invite.to.uri if self.registered(invite) else invite.uri
        number = number_of(named)
        mapped = {known.lstrip("+"): meant for known, meant in trunk.numbers.items()}
        written = rewritten(number, trunk.incoming)
        # Many name the account that they have called, and no number.
        nobody = trunk.default if number in (trunk.username, trunk.from_user) and self.registered(invite) else ""
        return mapped.get(number.lstrip("+")) or mapped.get(written.lstrip("+")) or nobody or written


def _comes_from(trunk: TrunkConfig, source: Hop) -> bool:
    if trunk.addresses:
        return is_trusted(source.host, trunk.addresses)
    uri = Uri.parse(trunk.uri)
    return uri.host == source.host and (source.reliable or uri.port in (None, source.port))
