"""Credentials that telephones are given by a program."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.config import DEV_PATH, load
from softphone.sip.message.digest import hash_a1
from softphone.store.accounts import Accounts

CONFIG = load(DEV_PATH)
ACCOUNTS = Accounts.from_config(CONFIG)
ADA = ACCOUNTS.extensions["101"]


def accounts(secret: str = CONFIG.token.secret, password: str = "dev-101") -> Accounts:
    extensions = tuple(
        msgspec.structs.replace(each, password=password) if each.number == "101" else each for each in CONFIG.extensions
    )
    token = msgspec.structs.replace(CONFIG.token, secret=secret)
    return Accounts.from_config(msgspec.structs.replace(CONFIG, extensions=extensions, token=token))


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("form", ["{}", "{}@softphone.local", "sip:{}@softphone.local"])
def test_they_prove_whose_they_are_however_the_name_is_written(algorithm: str, form: str) -> None:
    given_ = ACCOUNTS.provisioned.fresh(ADA)
    user = form.format(given_.name)
    assert ACCOUNTS.ha1(user, algorithm) == hash_a1(algorithm, user, ACCOUNTS.realm, given_.password)
    assert ACCOUNTS.proven(user) is ADA
    # It proves, and is not called: nobody dials that.
    assert ACCOUNTS.find(user) is None


def test_each_is_another_and_all_are_good_after_a_restart() -> None:
    several = [ACCOUNTS.provisioned.fresh(ADA) for _ in range(50)]
    assert len({each.name for each in several}) == len({each.password for each in several}) == 50
    later = accounts().provisioned
    assert all(later.password(each.name) == each.password for each in several)
    assert later.fixed(ADA) == ACCOUNTS.provisioned.fixed(ADA) not in several


def test_they_end_with_the_secret_and_with_the_users_password() -> None:
    before = ACCOUNTS.provisioned.fresh(ADA)
    for later in (accounts(secret="dev-another"), accounts(secret=""), accounts(password="another one")):
        assert later.provisioned.password(before.name) not in (None, before.password)


def test_only_users_have_them() -> None:
    with pytest.raises(ValueError, match="no user"):
        ACCOUNTS.provisioned.fresh(ACCOUNTS.extensions["201"])


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_any_other_name_is_a_strangers(name: str) -> None:
    known = len(name) == 15 and name[:6] in {each.id for each in ACCOUNTS.extensions.values() if each.kind == "user"}
    assert (ACCOUNTS.provisioned.owner_id(name) is not None) == (known and name[6:].isascii() and name[6:].isdecimal())


def test_no_password_is_shown() -> None:
    made = ACCOUNTS.provisioned.fresh(ADA)
    assert made.password not in repr(made) and len(made.password) == 24
