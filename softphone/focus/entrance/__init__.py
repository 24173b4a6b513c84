"""Requests from outside by SIP: callers, authenticated, asked for codes and led to a room; watchers of a roster."""
