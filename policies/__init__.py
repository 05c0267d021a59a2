"""What is enforced: the rules, the judge that applies them, and the CrossGuard pack that runs them on every preview."""
