from softphone.api.auth import grants as module
from softphone.api.auth.grants import Grants
from softphone.config import ClientConfig, TokenConfig

SETTINGS = TokenConfig(access_s=100, refresh_s=1000, refresh_grace_s=10.0)


def test_a_pair_is_found_and_expires() -> None:
    grants = Grants(SETTINGS)
    pair = grants.issue("client", "7", 0.0)
    found = grants.find(pair.access)
    assert found is not None
    assert (found.extension_id, found.access_until, found.refresh_until) == ("7", 100.0, 1000.0)
    assert grants.find(pair.refresh) is None


def test_a_client_may_ask_for_less_but_not_for_more() -> None:
    grants = Grants(SETTINGS)
    assert grants.issue("client", "7", 0.0, 5, 50).access_s == 5
    long = grants.issue("client", "7", 0.0, 10**9, -1)
    assert (long.access_s, long.refresh_s) == (100, 1000)


def test_refresh_changes_both_and_the_old_access_dies() -> None:
    grants = Grants(SETTINGS)
    old = grants.issue("client", "7", 0.0)
    new = grants.refresh(old.refresh, "client", 50.0)
    assert new is not None
    assert not {new.access, new.refresh} & {old.access, old.refresh}
    assert grants.find(old.access) is None
    assert grants.find(new.access) is not None


def test_a_lost_answer_can_be_asked_for_again_for_a_while() -> None:
    grants = Grants(SETTINGS)
    old = grants.issue("client", "7", 0.0)
    new = grants.refresh(old.refresh, "client", 50.0)
    assert grants.refresh(old.refresh, "client", 59.9) == new
    assert grants.refresh(old.refresh, "client", 60.0) is None


def test_a_refresh_token_serves_its_own_client_until_its_end() -> None:
    grants = Grants(SETTINGS)
    pair = grants.issue("client", "7", 0.0)
    assert grants.refresh(pair.refresh, "other", 1.0) is None
    assert grants.refresh("nonsense", "client", 1.0) is None
    assert grants.refresh(pair.refresh, "client", 1000.0) is None


def test_revoked_by_either_token() -> None:
    grants = Grants(SETTINGS)
    for kind in ("access", "refresh"):
        pair = grants.issue("client", "7", 0.0)
        grants.revoke(getattr(pair, kind), "other")
        assert grants.find(pair.access) is not None
        grants.revoke(getattr(pair, kind), "client")
        assert grants.find(pair.access) is None
        assert grants.refresh(pair.refresh, "client", 1.0) is None


def test_the_memory_is_bounded() -> None:
    grants = Grants(SETTINGS)
    first = grants.issue("client", "7", 0.0)
    for number in range(module.MAX_GRANTS):
        grants.issue("client", str(1000 + number), 0.0)
    assert grants.find(first.access) is None


def test_who_logs_in_over_and_over_ends_his_own_tokens_only() -> None:
    grants = Grants(SETTINGS)
    other, first, program = (
        grants.issue("client", "8", 0.0),
        grants.issue("client", "7", 0.0),
        grants.issue("c", "", 0.0),
    )
    for _ in range(3 * module.MAX_OF_OWNER):
        last = grants.issue("client", "7", 1.0)
    assert grants.find(first.access) is None and grants.refresh(first.refresh, "client", 2.0) is None
    for pair in (other, program, last):
        assert grants.find(pair.access) is not None
    grants.revoke(last.access, "client")
    assert grants.find(last.access) is None


def test_a_session_that_is_refreshed_for_ever_takes_bounded_memory() -> None:
    grants, now = Grants(SETTINGS), 0.0
    pair = grants.issue("client", "7", now)
    for _ in range(2 * module.MAX_OF_OWNER):
        now += 90.0
        renewed = grants.refresh(pair.refresh, "client", now)
        assert renewed is not None and grants.find(renewed.access) is not None
        pair = renewed
    assert len(grants._by_refresh) == len(grants._owned["extension 7"]) <= module.MAX_OF_OWNER


def test_who_refreshes_often_keeps_his_other_log_ins() -> None:
    grants, now = Grants(SETTINGS), 0.0
    telephone, pair = grants.issue("phone", "7", now), grants.issue("client", "7", now)
    for _ in range(module.MAX_OF_OWNER + 50):
        now += 1.5
        renewed = grants.refresh(pair.refresh, "client", now)
        assert renewed is not None
        pair = renewed
    assert grants.find(pair.access) is not None
    assert grants.refresh(telephone.refresh, "phone", now) is not None
    assert len(grants._by_refresh) == len(grants._owned["extension 7"]) <= module.MAX_OF_OWNER


def test_a_program_has_to_know_its_secret() -> None:
    grants = Grants(SETTINGS, [ClientConfig("dev-client", "dev-secret")])
    assert grants.client("dev-client", "dev-secret")
    assert not grants.client("dev-client", "")
    assert not grants.client("nobody", "dev-secret")


def test_a_public_program_needs_no_secret_and_shows_none() -> None:
    grants = Grants(SETTINGS, [ClientConfig("page", public=True), ClientConfig("dev-client", "dev-secret")])
    assert grants.is_public("page", "")
    assert not grants.is_public("page", "guess") and not grants.is_public("dev-client", "")
    assert not grants.client("page", "")


def test_a_ticket_ends_with_its_time_and_with_its_log_in() -> None:
    grants = Grants(SETTINGS)
    pair = grants.issue("client", "7", 0.0)
    other = grants.issue("client", "7", 0.0)
    found = grants.find(pair.access)
    assert found is not None
    ticket = grants.ticket(found, 0.0)
    assert grants.ticket_grant(ticket, module.TICKET_S - 1) is found
    assert grants.ticket_grant(ticket, module.TICKET_S) is None and grants.ticket_grant("x", 0.0) is None
    # It goes on over a refresh; another log-in of the same user does not keep it.
    renewed = grants.refresh(pair.refresh, "client", 1.0)
    assert renewed is not None and grants.ticket_grant(ticket, 20.0) is found
    grants.revoke(renewed.access, "client")
    assert grants.ticket_grant(ticket, 20.0) is None and grants.find(other.access) is not None
    assert found.endpoint == renewed.endpoint != other.endpoint


def test_revoking_ends_the_log_in_whichever_of_its_tokens_is_named() -> None:
    grants = Grants(SETTINGS)
    old = grants.issue("client", "7", 0.0)
    new = grants.refresh(old.refresh, "client", 1.0)
    assert new is not None
    grants.revoke(old.refresh, "client")
    assert grants.find(new.access) is None and grants.refresh(old.refresh, "client", 2.0) is None
