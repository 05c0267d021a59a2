"""What people read: a pull request comment, a page, SARIF, JUnit, JSON, and evidence that can be verified later."""
