"""The only predicates that limit rows to a tenant and to the caller's folders.

Every statement over rows of a tenant gives its main table the alias `t`, the tenant as $1 and, where the rows live in
folders, the ids of the folders to read as $2. A row outside is not found; it is never loaded and compared.
"""

from __future__ import annotations

from collections.abc import Sized

IN_TENANT = "t.tenant_id = $1::int"
IN_FOLDERS = "t.tenant_id = $1::int AND t.folder_id = ANY($2::bigint[])"
# As IN_FOLDERS for a list of one: a condition that an index ordered by folder and time can serve.
IN_ONE_FOLDER = "t.tenant_id = $1::int AND t.folder_id = ($2::bigint[])[1]"
FOLDER_ITSELF = "t.tenant_id = $1::int AND t.id = ANY($2::bigint[])"


def in_folders(folder_ids: Sized) -> str:
    """The condition for a list of folders, which is $2: the one that an index in order serves, when it is a list of one."""
    return IN_ONE_FOLDER if len(folder_ids) == 1 else IN_FOLDERS
