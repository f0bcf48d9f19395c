"""All messages to the user. Each says what is wrong, where, and how to correct it.

The letter of a code says what the message is about, and in which module it is:

    T  title sets                                       titles.py
    M  models and tokenizers                            models.py
    F  source files of names, and missing packages      sources.py
    N  downloads                                        sources.py
    S  the search                                       components.py
    C  components and their settings                    components.py
    D  gold data, training and evaluation               data.py
    V  the service and the page                         service.py
    X  conversion of other programs' files              conversion.py
    B  linking files                                    bulk.py
    W  warnings, whatever they are about                warnings.py

A new message gets an unused number of its letter, in the order of the numbers. A new topic gets a
letter and a module. All code imports the messages from here: `from ..errors import Errors`.
"""

from .bulk import BulkErrors
from .components import ComponentErrors
from .conversion import ConversionErrors
from .data import DataErrors
from .models import ModelErrors
from .service import ServiceErrors
from .sources import SourceErrors
from .titles import TitleErrors
from .warnings import Warnings

__all__ = ["Errors", "Warnings"]


class Errors(
    TitleErrors,
    ModelErrors,
    SourceErrors,
    ComponentErrors,
    DataErrors,
    ServiceErrors,
    ConversionErrors,
    BulkErrors,
):
    """Messages of errors, filled in with `.format`. Their codes are stable."""
