"""Who was there, and who talked when, noted at a cost that does not grow with the recording."""

from hypothesis import given
from hypothesis import strategies as st

from softphone.recordings.entry import Speech
from softphone.recordings.spans import PartySpans
from tests.support.work import instructions


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_a_span_is_ended_by_its_party_and_by_the_next(deeds: list[tuple[str, bool]]) -> None:
    spans, known = PartySpans[Speech](), list[list[object]]()
    for now, (party, on) in enumerate(deeds):
        for span in known:
            if span[0] == party and span[2] is None:
                span[2] = float(now)
        if on:
            spans.begin(Speech(party, float(now)))
            known.append([party, float(now), None])
        else:
            spans.end(party, float(now))
        assert [[span.party, span.start_s, span.end_s] for span in spans.all] == known
        assert all(spans.goes_on(each) == any(s[0] == each and s[2] is None for s in known) for each in "abc")


def test_a_change_costs_the_same_after_3_and_after_3000() -> None:
    taken = set()
    for size in (3, 3000):
        spans = PartySpans[Speech]()
        for number in range(size):
            spans.begin(Speech(f"p{number}", 0.0))

        def talk(spans: PartySpans[Speech] = spans) -> None:
            spans.begin(Speech("p1", 1.0))
            spans.begin(Speech("new", 1.0))
            spans.end("new", 2.0)

        taken.add(instructions(talk))
    assert len(taken) == 1
