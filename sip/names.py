"""Names: methods, reason phrases, header names with their compact forms (RFC 3261 §7.3.3, §21, IANA sip-parameters)."""

from __future__ import annotations

from sip.grammar import IS_TOKEN, SipError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS = _words("INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO REFER NOTIFY SUBSCRIBE MESSAGE PUBLISH")

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    469: "Bad Info Package",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}


COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}


_WELL_KNOWN = _words("""
    Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization Call-ID
    Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date
    Diversion Event Expires From History-Info Identity Info-Package Max-Forwards MIME-Version Min-Expires Min-SE
    Organization P-Asserted-Identity P-Preferred-Identity Path Privacy Proxy-Authenticate Proxy-Authorization
    Proxy-Require RAck Reason Record-Info Record-Route Recv-Info Refer-To Referred-By Remote-Party-ID Replaces Require
    Retry-After Route RSeq Server Service-Route Session-Expires Session-ID SIP-ETag SIP-If-Match Subject
    Subscription-State Supported Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate
""")


def key_of(name: str) -> str:
    """The name in lower case, long form. A name that is not a token is never taken for a header (no control octet
    hides one); blanks before the colon are legal. Raises `SipError` (400)."""
    name = name.rstrip(" \t")
    if not IS_TOKEN(name):
        raise SipError(400, "Bad header name")
    name = name.lower()
    return COMPACT.get(name, name)


class _Keys(dict[str, str]):
    """Every spelling met on the wire in practice → its `key_of`, which works out the others."""

    def __missing__(self, name: str) -> str:
        return key_of(name)


KEYS = _Keys(
    {spelling: name.lower() for name in _WELL_KNOWN for spelling in (name, name.lower(), name.upper(), name.title())}
    | {spelling: name for short, name in COMPACT.items() for spelling in (short, short.upper())}
)

NOT_LISTS = _words("""
    authorization call-id content-length content-type cseq date expires from identity max-forwards mime-version
    min-expires min-se organization proxy-authenticate proxy-authorization rack refer-to replaces retry-after rseq
    server session-expires session-id subject timestamp to user-agent www-authenticate
""")
"""Where a comma is not the end of a value."""

ONCE = _words("""
    call-id content-disposition content-encoding content-length content-type cseq event expires from max-forwards
    min-expires min-se rack refer-to replaces retry-after rseq session-expires to
""")
"""What a message may have once only."""
