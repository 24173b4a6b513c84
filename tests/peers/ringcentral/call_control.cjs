// A user's program: RingCentral's SDK and call control for JavaScript, told what happens over the event gateway by rc-ex. It
// says what it has done as lines of JSON; the test does what telephones do.
const { SDK } = require("@ringcentral/sdk");
const { RingCentralCallControl } = require("ringcentral-call-control");
const RingCentral = require("@rc-ex/core").default;
const WebSocketExtension = require("@rc-ex/ws").default;

const [server, jwt] = process.argv.slice(2);
const app = { server, clientId: "dev-client", clientSecret: "dev-secret" };
const FILTER = "/restapi/v1.0/account/~/extension/~/telephony/sessions";

const say = (event, data = {}) => console.log(JSON.stringify({ event, ...data }));

// What an SDK makes of a refusal.
async function refused(doing) {
    try {
        await doing();
    } catch (error) {
        return { status: error.response?.status, message: error.message };
    }
    return null;
}

const until = (session, code) =>
    new Promise((resolve) => {
        const look = () => session.party?.status.code === code && resolve();
        session.on("status", look);
        look();
    });

async function main() {
    const sdk = new SDK(app);
    const platform = sdk.platform();
    await platform.login({ jwt });
    const callControl = new RingCentralCallControl({ sdk });
    await callControl.initialize();

    const rc = new RingCentral(app);
    await rc.authorize({ jwt });
    const gateway = new WebSocketExtension();
    await rc.installExtension(gateway);
    const codes = [];
    const subscription = await gateway.subscribe([FILTER], (message) => {
        codes.push([message.body.telephonySessionId, message.body.parties[0].status.code]);
        callControl.onNotificationEvent(message);
    });
    say("subscribed", subscription.subscriptionInfo);

    // The connection is cut off; what was subscribed goes on.
    gateway.ws.terminate();
    await new Promise((resolve) => gateway.ws.addEventListener("close", resolve));
    await gateway.recover();
    say("recovered", { state: gateway.connectionDetails.recoveryState, id: gateway.subscription.subscriptionInfo.id });

    const [source] = callControl.sessions;
    const merge = { sessionId: source.id, partyId: source.party.id };
    const conference = await callControl.createConference();
    const early = await refused(() => conference.bringInParty(merge));
    say("conference", { id: conference.id, token: conference.voiceCallToken, early });
    await until(conference, "Answered");

    const brought = await conference.bringInParty(merge);
    await until(source, "Disconnected");
    say("brought", { party: brought, source: source.id });

    await conference.mute();
    const muted = conference.party.muted;
    const parties = rc.restapi().account().telephony().sessions(conference.id);
    const unmuted = await parties.parties(conference.party.id).patch({ party: { muted: false } });
    const held = await (async () => (await conference.hold(), conference.party.status.code))();
    await conference.unhold();
    say("changed", { muted, unmuted: unmuted.muted, held });

    const over = new WebSocketExtension({ restOverWebSocket: true, autoRecover: { enabled: false } });
    await rc.installExtension(over);
    const mine = await rc.restapi().account().extension().get();
    const missing = await refused(() => rc.get("/restapi/v1.0/account/~/telephony/sessions/s-none"));
    over.disable();
    say("over", { number: mine.extensionNumber, missing: missing.status });

    const removed = (await conference.removeParty(brought.id, { keepConferenceAlive: true })).status;
    const again = await refused(() => conference.removeParty(brought.id));
    await conference.drop();
    await until(conference, "Disconnected");
    const gone = await refused(() => platform.get(`/restapi/v1.0/account/~/telephony/sessions/${conference.id}`));
    say("removed", { removed, again, gone, codes });

    await subscription.revoke();
    await gateway.revoke();
    await over.revoke();
    await rc.revoke();
    await platform.logout();
    say("done", { loggedIn: await platform.loggedIn() });
    process.exit(0);
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
