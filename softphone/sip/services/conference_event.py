"""Names of the conference event package and its documents (RFC 4575)."""

__all__ = ["CONTENT_TYPE", "NAMESPACE", "PACKAGE"]

PACKAGE = "conference"
CONTENT_TYPE = "application/conference-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:conference-info"
