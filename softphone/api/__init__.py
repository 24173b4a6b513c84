"""HTTP APIs of the focus, one package per contract."""
