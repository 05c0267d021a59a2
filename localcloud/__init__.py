"""The embedded default: resource providers that the real engine talks to where there is no cloud account."""
