"""`/healthz` and `/metrics`: for load balancers and Prometheus, without personal data.

Health is anybody's to ask. Numbers tell how much a business talks: they are for this machine, for who has the token of
the settings, and for administrators.
"""

import hmac
from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from softphone.address import is_loopback
from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import bearer_token, describe_bearer, extension_of
from softphone.api.context import ContextDep
from softphone.api.http.answers import failures
from softphone.focus.stats import FocusStats

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={503: {"description": "The server is being stopped."}})
async def health(context: ContextDep) -> JSONResponse:
    """200 while new calls are taken; 503 while the server is being stopped."""
    state = context.focus.state
    return JSONResponse({"status": state}, 200 if state == "ok" else 503)


async def may_measure(
    request: Request, context: ContextDep, _: Annotated[str | None, Depends(describe_bearer)] = None
) -> None:
    """Let those pass who may know the numbers."""
    header = request.headers.get("authorization", "")
    if not header and request.client is not None and is_loopback(request.client.host):
        return
    token = context.config.http.metrics_token
    if token and header and hmac.compare_digest(bearer_token(header).encode(), token.encode()):
        return
    administrator(extension_of(header, context))


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[Depends(may_measure)],
    responses=failures(401, 403),
)
async def metrics(context: ContextDep) -> Response:
    """All numbers, in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(StatsCollector(await context.stats()))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class StatsCollector(Collector):
    """One reading of the focus as metrics."""

    def __init__(self, stats: FocusStats) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        """Give all metrics."""
        stats = self._stats
        yield GaugeMetricFamily("softphone_conferences", "Live conferences.", stats.conferences)
        yield GaugeMetricFamily("softphone_parties", "Parties in all sessions.", stats.parties)
        yield GaugeMetricFamily("softphone_calls", "SIP calls, answered or not.", stats.calls)
        yield CounterMetricFamily("softphone_calls_refused", "Calls refused for overload.", stats.refused)
        yield GaugeMetricFamily("softphone_registrations", "Registered contacts.", stats.registrations)
        yield GaugeMetricFamily("softphone_sip_transactions", "Live SIP transactions.", stats.transactions)
        yield from self._sip()
        ended = CounterMetricFamily("softphone_webrtc_ended", "WebRTC legs that came to nothing.", labels=["reason"])
        for reason, count in stats.webrtc.items():
            ended.add_metric([reason], count)
        yield ended
        yield from self._heard()
        yield from self._workers()

    def _heard(self) -> Iterator[Metric]:
        """Give what the sound of legs went through, noted at their end; those that nothing came of are left out."""
        heard = self._stats.heard
        for name, what, found in (
            ("mos", "Mean opinion score of a leg as the bridge heard it (ITU-T G.107).", heard.mos),
            ("loss_percent", "Packets of a leg that were not heard, of a hundred.", heard.loss_percent),
            ("jitter_milliseconds", "Interarrival jitter of a leg (RFC 3550).", heard.jitter_ms),
            ("round_trip_milliseconds", "Round trip of a leg, where its peer reports (RTCP).", heard.rtt_ms),
        ):
            yield HistogramMetricFamily(f"softphone_leg_{name}", what, buckets=found.buckets, sum_value=found.sum)

    def _sip(self) -> Iterator[Metric]:
        counters = CounterMetricFamily("softphone_sip_messages", "SIP messages, by kind.", labels=["kind"])
        for kind, count in self._stats.sip.items():
            counters.add_metric([kind], count)
        yield counters

    def _workers(self) -> Iterator[Metric]:
        legs = GaugeMetricFamily("softphone_legs", "Legs, by media worker.", labels=["worker"])
        late = HistogramMetricFamily(
            "softphone_tick_lateness_seconds", "How late the 20 ms ticks began, by media worker.", labels=["worker"]
        )
        over = CounterMetricFamily("softphone_late_ticks", "Ticks more than 20 ms late, by worker.", labels=["worker"])
        strangers = CounterMetricFamily(
            "softphone_stranger_datagrams", "Datagrams from unknown senders, by media worker.", labels=["worker"]
        )
        unclaimed = CounterMetricFamily(
            "softphone_unclaimed_datagrams",
            "Datagrams from a port that nobody named, which could be of several legs of that host.",
            labels=["worker"],
        )
        cpu = CounterMetricFamily("softphone_worker_cpu_seconds", "CPU time, by media worker.", labels=["worker"])
        memory = GaugeMetricFamily("softphone_worker_memory_bytes", "Memory, by media worker.", labels=["worker"])
        for worker in self._stats.workers:
            name = str(worker.index)
            legs.add_metric([name], worker.legs)
            late.add_metric([name], worker.lateness, worker.lateness_sum_s)
            over.add_metric([name], worker.late_ticks)
            strangers.add_metric([name], worker.strangers)
            unclaimed.add_metric([name], worker.unclaimed)
            cpu.add_metric([name], worker.cpu_s)
            memory.add_metric([name], worker.memory_bytes)
        yield from (legs, late, over, strangers, unclaimed, cpu, memory)
