"""What hardware does: tables of numbers with sources."""

from fleet.catalog.table import Catalog, Reader, Row

__all__ = ["Catalog", "Reader", "Row"]
