from media.loop import Inward as Inward
from media.loop import Loop as Loop
from media.loop import Outward as Outward
from media.loop import Shift as Shift
