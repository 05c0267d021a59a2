"""PostgreSQL as jobs use it: connections over TLS, its own programs, what a database consists of, throwaway servers."""
