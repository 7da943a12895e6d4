"""OData: query options read, bound to an allow-list, and answered by one SQL statement as JSON."""

from podium.kernel.odata.counts import KeptCounts
from podium.kernel.odata.entity import Entity, Inside, Kind, Navigation, Property
from podium.kernel.odata.fetch import (
    CountRule,
    Database,
    PageResult,
    PageText,
    entity_envelope,
    fetch_one,
    fetch_page,
)
from podium.kernel.odata.page import MAX_ROWS, count_statement, one_statement, page_statement
from podium.kernel.odata.parse import PAGE_SIZE, parse_options
from podium.kernel.odata.rows import RowsPage, rows_page
from podium.kernel.odata.statement import Statement
from podium.kernel.odata.tree import Options

__all__ = [
    "MAX_ROWS",
    "PAGE_SIZE",
    "CountRule",
    "Database",
    "Entity",
    "Inside",
    "KeptCounts",
    "Kind",
    "Navigation",
    "Options",
    "PageResult",
    "PageText",
    "Property",
    "RowsPage",
    "Statement",
    "count_statement",
    "entity_envelope",
    "fetch_one",
    "fetch_page",
    "one_statement",
    "page_statement",
    "parse_options",
    "rows_page",
]
