"""What Binance's documents "WebSocket API" and "User Data Streams" show of answers and events, in its form."""

PLACED = (
    '{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"a-1","transactTime":1660801715639,'
    '"price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00000000","origQuoteOrderQty":"0.000000",'
    '"cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"SELL",'
    '"workingTime":1660801715639,"selfTradePreventionMode":"NONE"}'
)
CANCELLED = (
    '{"symbol":"BTCUSDT","origClientOrderId":"a-1","orderId":12569099453,"orderListId":-1,'
    '"clientOrderId":"91fe37ce9e69c90d6358c0","transactTime":1684804350068,"price":"23416.10000000",'
    '"origQty":"0.00847000","executedQty":"0.00001000","origQuoteOrderQty":"0.000000",'
    '"cummulativeQuoteQty":"0.23416100","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL",'
    '"selfTradePreventionMode":"NONE"}'
)
REPLACED = (
    f'{{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":{CANCELLED},"newOrderResponse":{PLACED}}}'
)
QUERIED = (
    '{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"a-1","price":"23416.10000000",'
    '"origQty":"0.00847000","executedQty":"0.00847000","cummulativeQuoteQty":"198.33521500","status":"FILLED",'
    '"timeInForce":"GTC","type":"LIMIT","side":"SELL","stopPrice":"0.00000000","icebergQty":"0.00000000",'
    '"time":1660801715639,"updateTime":1660801717945,"isWorking":true,"workingTime":1660801715639,'
    '"origQuoteOrderQty":"0.00000000","selfTradePreventionMode":"NONE"}'
)
TRADED = (
    '{"symbol":"BTCUSDT","id":1650422481,"orderId":12569099453,"orderListId":-1,"price":"23416.10000000",'
    '"qty":"0.00635000","quoteQty":"148.69223500","commission":"0.00001000","commissionAsset":"BNB",'
    '"time":1660801715793,"isBuyer":false,"isMaker":true,"isBestMatch":true}'
)
ACCOUNT = (
    '{"makerCommission":15,"canTrade":true,"updateTime":1660801833000,"accountType":"SPOT","balances":'
    '[{"asset":"BNB","free":"0.00000000","locked":"0.00000000"},{"asset":"BTC","free":"1.3447112","locked":"0.08600000"}]'
    ',"permissions":["SPOT"],"uid":354937868}'
)

NEW = (
    '{"e":"executionReport","E":1499405658658,"s":"BTCUSDT","c":"a-1","S":"BUY","o":"LIMIT","f":"GTC",'
    '"q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW","r":"NONE",'
    '"i":4293153,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1499405658657,"t":-1,'
    '"I":8641984,"w":true,"m":false,"M":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000",'
    '"W":1499405658657,"V":"NONE"}'
)
FILL = (
    NEW.replace('"x":"NEW","X":"NEW"', '"x":"TRADE","X":"PARTIALLY_FILLED"')
    .replace('"l":"0.00000000","z":"0.00000000","L":"0.00000000"', '"l":"0.25000000","z":"0.75000000","L":"0.10264400"')
    .replace('"n":"0","N":null', '"n":"0.00025000","N":"BTC"')
    .replace('"t":-1', '"t":77')
    .replace('"m":false', '"m":true')
)
POSITION = (
    '{"e":"outboundAccountPosition","E":1564034571105,"u":1564034571073,"B":[{"a":"ETH","f":"10000.000000",'
    '"l":"0.000000"},{"a":"BTC","f":"1.5","l":"0.5"}]}'
)
BALANCE_UPDATE = '{"e":"balanceUpdate","E":1573200697110,"a":"BTC","d":"100.00000000","T":1573200697068}'
EXTERNAL_LOCK = '{"e":"externalLockUpdate","E":1581557507324,"a":"NEO","d":"10.00000000","T":1581557507268}'
LIST_STATUS = (
    '{"e":"listStatus","E":1564035303637,"s":"ETHBTC","g":2,"c":"OCO","l":"EXEC_STARTED","L":"EXECUTING","r":"NONE",'
    '"C":"F4QN4G8DlFATFlIUQ0cjdD","T":1564035303625,"O":[{"s":"ETHBTC","i":17,"c":"AJYsMjErWJesZvqlJCTUgL"}]}'
)
TERMINATED = '{"e":"eventStreamTerminated","E":1728973001334}'
SHUTDOWN = '{"e":"serverShutdown","E":1770123456789}'


def told(event: str) -> str:
    return f'{{"subscriptionId":0,"event":{event}}}'


def answer(result: str, *, number: int = 7) -> str:
    return f'{{"id":{number},"status":200,"result":{result}}}'
