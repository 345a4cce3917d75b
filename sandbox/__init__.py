"""A stand-in for WeChat's servers, for development and tests.

It plays api.weixin.qq.com, open.weixin.qq.com and mp.weixin.qq.com, and the phones of the people who
use them. It knows WeChat only through the project's notes on the platform (cited as `WeChat §n`) and
shares no code and no constant with `engage`, so that each checks the other.
"""
