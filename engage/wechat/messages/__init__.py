"""A push as a message of ours (WeChat §1).

`frame` reads who, when and of what kind; `kinds` reads what it says, in the classes of `contents`.
"""

from engage.wechat.messages.contents import *  # noqa: F403 all of them: a list would be those thirty names again
from engage.wechat.messages.frame import Message as Message
from engage.wechat.messages.frame import parse as parse
