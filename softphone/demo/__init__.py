"""``softphone demo``: a bridge, a conference and its parties on loopback, and the proof that they hear each other."""

from softphone.demo.run import DemoReport, Window, run_demo

__all__ = ["DemoReport", "Window", "run_demo"]
