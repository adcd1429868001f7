"""What hardware does: tables of numbers with sources."""

from fleet.catalog.rows import Row
from fleet.catalog.table import Catalog, Reader

__all__ = ["Catalog", "Reader", "Row"]
