"""The interfaces of Google Cloud that jobs call: Cloud SQL's administration, Cloud Logging."""
