"""A soak of the real server: good calls, and beside them everything that a public address meets.

python -m tests.soak --seconds 600
"""
