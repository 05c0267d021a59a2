"""Object stores that jobs add to and never overwrite: Google Cloud Storage, S3-compatible ones, a local folder."""
