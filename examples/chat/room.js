// The chat room, without a user interface: a plain script for the browser, and a module for Node.

(function () {
    const HISTORY_MAX = 100;

    /** What `messages` adds to `known`, where the end of the one may be the beginning of the other. */
    function news(known, messages) {
        const same = (one, two) => one[0] === two[0] && one[1] === two[1];
        for (let overlap = Math.min(known.length, messages.length); overlap > 0; overlap -= 1) {
            const end = known.slice(-overlap);
            if (end.every((message, index) => same(message, messages[index]))) {
                return messages.slice(overlap);
            }
        }
        return messages;
    }

    /**
     * Enters the room at `url` and stays until `leave` is called, joining again when the connection was lost.
     *
     * `show(name, text)` is called for each thing that is said, `status(text)` for what happens to the connection.
     * Gives `say(text)` and `leave()`.
     */
    function enterRoom(autobahn, { url, realm, name, show, status }) {
        const connection = new autobahn.Connection({ url, realm, max_retries: -1, max_retry_delay: 5 });
        let history = [];
        let session = null;

        function said(who, text) {
            history = [...history, [who, text]].slice(-HISTORY_MAX);
            show(who, text);
        }

        async function joined(joinedSession) {
            // What is said while the history is on its way comes after it.
            let early = [];
            await joinedSession.subscribe('chat.said', ([who, text]) => {
                const message = [String(who), String(text)];
                early ? early.push(message) : said(...message);
            });
            // Whoever is there longest knows most; nobody is there before the first.
            const known = await joinedSession.call('chat.history').catch(() => []);
            news(history, known).forEach((message) => said(...message));
            news(history, early).forEach((message) => said(...message));
            early = null;
            await joinedSession.register('chat.history', () => history, { invoke: 'first' });
            session = joinedSession;
            status(`you are in the room as ${name}`);
        }

        connection.onopen = (opened) => {
            joined(opened).catch((error) => status(`the room can't be entered: ${error.error ?? error}`));
        };
        connection.onclose = (reason) => {
            session = null;
            status(reason === 'closed' ? 'you left' : 'the router is away');
            // Not true: go on trying.
            return false;
        };
        connection.open();

        return {
            /** Says something; false if nobody can hear it. */
            say(text) {
                if (!session) {
                    return false;
                }
                session.publish('chat.said', [name, text]);
                said(name, text);
                return true;
            },
            leave() {
                connection.close();
            },
        };
    }

    if (typeof module === 'object') {
        module.exports = { enterRoom };
    } else {
        window.enterRoom = enterRoom;
    }
})();
