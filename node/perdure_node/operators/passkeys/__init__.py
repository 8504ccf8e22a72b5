"""Passkeys and security keys (W3C Web Authentication): how they are enrolled, and how somebody signs with one.

`ceremony` says what an authenticator is asked and judges its answer; `page_server` asks the one of a browser, `usb` one that is
plugged in.
"""
