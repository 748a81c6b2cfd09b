"""Films: every picture enlarged, all else carried over. PyAV is an extra, imported on demand."""

from rgtsr.film.animating import count as frames
from rgtsr.film.animating import enlarge as enlarge_animation
from rgtsr.film.animating import stays as is_animation
from rgtsr.film.codecs import FALLBACK, PIXEL_BYTES, WRITABLE, Asked
from rgtsr.film.enlarging import enlarge
from rgtsr.film.looking import head
from rgtsr.film.opening import SUFFIXES, is_film
from rgtsr.film.planning import Order

__all__ = [
    "FALLBACK",
    "PIXEL_BYTES",
    "SUFFIXES",
    "WRITABLE",
    "Asked",
    "Order",
    "enlarge",
    "enlarge_animation",
    "frames",
    "head",
    "is_animation",
    "is_film",
]
