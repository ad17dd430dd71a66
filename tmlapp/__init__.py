"""tmlapp: meet interaction models live, record every session, grade it offline."""

__version__ = "0.1.0"
