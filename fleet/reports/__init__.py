"""One page that can be sent: results as a single HTML file that asks no network for anything."""
