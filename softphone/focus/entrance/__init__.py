"""Incoming SIP requests: authentication, codes, the way into a room; roster subscriptions."""
