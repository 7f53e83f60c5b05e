//! An async WAMP client: call, register, publish, subscribe, over every transport and serializer.
