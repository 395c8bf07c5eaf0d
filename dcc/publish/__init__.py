"""Publishing, the same in every DCC: collect, validate, extract, integrate.

``collect`` gathers what is to be published as plain data, ``validate`` finds what must not be, ``extract`` writes the
item under a temporary name, and ``integrate`` gives it its place and makes it visible through the service. A crash
anywhere leaves either nothing visible or the whole publish.
"""
