"""Makes other pictures of a picture: new pixels in new files, and nothing else of the old one."""

from forum.pictures.kinds import HEAD_BYTES, Kind, recognise
from forum.pictures.maker import Made, PictureMaker, PictureRefused, Pictures

__all__ = [
    "HEAD_BYTES",
    "Kind",
    "Made",
    "PictureMaker",
    "PictureRefused",
    "Pictures",
    "recognise",
]
