"""Settings of the parts of a server: signalling, its certificates, the media workers."""

from itertools import chain
from pathlib import Path

from softphone.address import own_address
from softphone.certificates import self_signed
from softphone.config import Config
from softphone.media.contract.settings import WorkerSettings
from softphone.sip.driver import StackSettings
from softphone.sip.transport.sources import SourceGate, SourceLimits
from softphone.sip.transport.tls import TlsSettings
from softphone.sip.ua.capabilities import Capabilities
from softphone.sip.ua.refresh import SessionSettings

__all__ = ["advertised", "source_limits", "stack_settings", "tls_settings", "worker_settings"]


def stack_settings(config: Config) -> StackSettings:
    """Say how signalling is spoken."""
    return StackSettings(
        host=config.server.host,
        port=config.sip.port,
        tcp=config.sip.tcp,
        advertised=advertised(config),
        host6=config.server.host6,
        advertised6=advertised6(config),
        user_agent=config.sip.user_agent,
        session=SessionSettings(config.sip.session_expires_s, config.sip.session_min_s, config.sip.probe_s),
        trying=False,
        stream_above=config.sip.stream_above or None,
        trace_messages=config.sip.trace_messages,
        trace_bytes=config.sip.trace_bytes,
        sources=SourceGate(source_limits(config)),
        capabilities=Capabilities(("REGISTER", "SUBSCRIBE", "REFER"), ("conference",)),
    )


def source_limits(config: Config) -> SourceLimits:
    """Say from whom requests are taken; proxies of ours, and trunks with addresses, send as many as they like."""
    sip = config.sip
    trunks = chain.from_iterable(trunk.addresses for trunk in config.trunks)
    return SourceLimits(
        sip.requests_per_s, sip.allowed_networks, sip.denied_networks, exempt=(*sip.trusted_peers, *trunks)
    )


def tls_settings(config: Config) -> TlsSettings:
    """Say where certificates are; one of our own is made where the settings want that and there is none."""
    sip = config.sip
    cert, key = sip.tls_cert, sip.tls_key
    if sip.tls_self_signed:
        names = (advertised(config), advertised6(config), *config.server.hosts, "localhost")
        cert = key = str(self_signed(Path(config.server.data) / "certificate.pem", names))
    return TlsSettings(cert, key, sip.tls_client_ca, sip.tls_ca, sip.tls_verify)


def worker_settings(config: Config) -> WorkerSettings:
    """Say how the media workers work."""
    tls = tls_settings(config)
    return WorkerSettings(
        capacity=config.media.capacity,
        host=config.server.host,
        port=config.media.rtp_port,
        own_ports=config.media.own_range,
        noise_dbov=config.media.comfort_noise_dbov,
        advertised=advertised(config),
        stream_port=config.streams.port if config.streams.enabled else None,
        stream_most=config.streams.max_streams,
        certificate=(tls.certificate, tls.key) if config.streams.tls else ("", ""),
        host6=config.server.host6,
        advertised6=advertised6(config),
        cache=str(Path(config.server.data).absolute() / "kernels"),
    )


def advertised(config: Config) -> str:
    """Give the address that signalling, media and tokens name; one for all of them."""
    return config.server.advertised_host or own_address(config.server.host)


def advertised6(config: Config) -> str:
    """Give the address that peers are told which are reached by IPv6; empty: the one for all of them."""
    server = config.server
    return server.advertised_host6 or (own_address(server.host6) if server.host6 else "")
