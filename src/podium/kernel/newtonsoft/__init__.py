"""Request bodies read as ASP.NET Core with Newtonsoft.Json reads them, down to the texts of its errors.

The published API tells its clients of a faulty body in that library's words, with path, line and position, so the
reading is the library's state machine: `reader` reads tokens, `binder` binds them to a model and goes on after an
error, `requirements` are the validation attributes. `decode` is the way in.
"""

from podium.kernel.newtonsoft.decoding import check_media_type, decode

__all__ = ["check_media_type", "decode"]
