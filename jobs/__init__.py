"""Programs that run inside of the hosting setup: exports of databases, restore drills, canaries."""
