"""What of a description has to be right, and what not."""

import pytest

from softphone import sdp
from softphone.errors import SdpError

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
GOOD, BROKEN = "c=IN IP4 127.0.0.1\r\n", "c=IN IP4\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "t=0 0\r\n" + AUDIO + "m=audio 0 RTP/AVP 0\r\n" + BROKEN,
        GOOD + "t=0 0\r\nm=video 0 RTP/AVP 31\r\n" + BROKEN + AUDIO,
        GOOD + "t=0 0\r\n" + AUDIO + "m=video 4002 RTP/AVP 31\r\nc=IN IP9 nowhere\r\n",
        BROKEN + "t=0 0\r\n" + AUDIO + GOOD + "m=audio 0 RTP/AVP 0\r\n",
        BROKEN + "t=0 0\r\n" + AUDIO + GOOD,
    ],
)
def test_a_malformed_address_to_which_nobody_sends_refuses_no_call(text: str) -> None:
    offer = sdp.parse(HEAD + text)
    assert offer.hosts() == ("127.0.0.1",)
    answered, _ = sdp.answer(offer, "127.0.0.1", 5000, session_id=1, version=1)
    assert str(answered).count("m=") == text.count("m=")


@pytest.mark.parametrize(
    "text",
    [
        BROKEN + "t=0 0\r\n",
        BROKEN + "t=0 0\r\n" + AUDIO,
        GOOD + "t=0 0\r\n" + AUDIO + BROKEN,
        BROKEN + "t=0 0\r\nm=audio 0 RTP/AVP 0\r\n" + GOOD + AUDIO,
        GOOD + "t=0 0\r\nm=audio 0 RTP/AVP 0\r\na=bundle-only\r\n" + BROKEN,
    ],
)
def test_a_malformed_address_to_which_sound_goes_is_an_error(text: str) -> None:
    with pytest.raises(SdpError, match="connection is not"):
        sdp.parse(HEAD + text)
