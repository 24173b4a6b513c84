"""The policy of a conference, as values: `(event, now) -> effects`. Standard library only, and nothing of the audio.

`conference` puts the rules together; `events` go in, `effects` come out, `state` is what they change: `attendance` (who
is there), `microphones`, `invitations`. By subject: `admission`, `parties`, `announcements`, `lifetime`, `dialout`,
`commands` (what keys do). On their own: `keypad`, `entrance` (codes), `prompt_queue`, `limits`.
"""
