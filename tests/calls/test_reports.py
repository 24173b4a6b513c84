"""Where a peer wants its reports (RFC 3605)."""

import pytest

from softphone import sdp
from softphone.calls.spec import leg_spec
from softphone.media.contract.leg import MediaAddress


@pytest.mark.parametrize(
    ("said", "where", "port", "host"),
    [
        ("6003", "192.0.2.9", 6003, None),
        ("6003 IN IP4 192.0.2.10", "192.0.2.9", 6003, "192.0.2.10"),
        ("6003 IN IP4 10.0.0.7", "10.0.0.6", 6003, "10.0.0.7"),
        ("6003 IN IP4 localhost", "127.0.0.1", 6003, "127.0.0.1"),
        ("6003 IN IP4 10.0.0.7", "8.8.8.8", 6003, None),
        ("6003 IN IP4 0.0.0.0", "192.0.2.9", 6003, None),
        ("6003 IN IP4 239.1.2.3", "192.0.2.9", 6003, None),
        ("6003 IN IP6 ::1", "192.0.2.9", 6003, None),
        ("6003 IN IP4", "192.0.2.9", 6003, None),
        ("6003 nonsense", "192.0.2.9", 6003, None),
        ("nonsense", "192.0.2.9", None, None),
    ],
)
def test_reports_go_where_the_peer_says(said: str, where: str, port: int | None, host: str | None) -> None:
    begun = f"v=0\r\no=- 1 1 IN IP4 {where}\r\ns=-\r\nc=IN IP4 {where}\r\nt=0 0\r\n"
    offered = f"{begun}m=audio 6000 RTP/AVP 0\r\na=rtcp:{said}\r\n"
    agreed = sdp.choose(sdp.parse(offered))
    assert isinstance(agreed.remote, sdp.Plain)
    assert (agreed.remote.rtcp_port, agreed.remote.rtcp_host) == (port, host)
    leg = leg_spec(sdp.Agreement().after(agreed), None, 30.0)
    assert leg.rtcp == MediaAddress(host or where, port or 6001)
