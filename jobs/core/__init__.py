"""What every job shares: settings, logs, exit codes, HTTP with an identity, retries, evidence."""
