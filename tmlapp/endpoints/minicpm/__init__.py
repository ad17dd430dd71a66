"""The grammar of MiniCPM-o's demo server."""
